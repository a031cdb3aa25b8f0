"""One account's counts on a Redis server: the store, its scripts over there, and hearing whose turn it is."""
