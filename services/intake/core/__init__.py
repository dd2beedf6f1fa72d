"""The rules of intake, pure: what arrived, how a vendor's request is verified and read, what it means as evidence."""
