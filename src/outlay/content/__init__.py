"""What was said in calls, where its capture is switched on: apart from the money, cut, redacted, and easy to drop.

``capture`` notes requests and answers of the features that were named, ``messages`` turns them into OpenTelemetry's
message schema, ``store`` keeps them in a database of their own.
"""
