"""How requests reach the platform: connection, pool, the differences of the SDK's majors, answers, steps, errors."""
