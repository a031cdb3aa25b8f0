"""How requests reach the platform: connection, pool, calls of the SDK, its majors, answers, steps, errors."""
