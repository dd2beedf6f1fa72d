"""Ways in which a sender proves who it is, one file each; a vendor picks one. All pure, all in constant time.

`hmac_signature` a keyed hash of the body or a form field · `standard_webhooks` the open standard of that name, signed
with its time · `tokens` a secret that is sent along · `signed_token` an OpenID Connect token of the sender.
"""
