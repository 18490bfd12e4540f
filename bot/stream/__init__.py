"""The event stream: what the journal records, told to other systems as messages with a schema.

Knows topics, message shapes and the Kafka protocol (confluent-kafka lives here alone). Does not know engine, journal or orders: it
is given records and a picture. Begin at messages.py, then teller.py (what is told when) and kafka.py (how it gets there).
"""
