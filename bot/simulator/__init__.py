"""A small true Bybit: one pure venue in virtual time, and a face that speaks V5 REST and websockets over loopback.

Knows its own reading of Bybit's documents and nothing of the bot: no strategy, no engine, no shared parser.
Begin at `venue.Venue` (requests in, answers and stream messages out), then `rules.VenueRules` (what Bybit leaves unsaid).
"""
