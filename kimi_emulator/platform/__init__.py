"""What there is on the platform: models, accounts, files, searches, tools, and the requests that the rules judge.

Nothing here refuses a request for what it asks: that is the business of ``kimi_emulator.rules``.
"""
