"""A long run of hostile requests against every vendor: `make fuzz`."""
