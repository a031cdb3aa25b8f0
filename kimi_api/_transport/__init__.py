"""How requests reach the platform: connection, SDK, deadlines, redirects, bodies, events, answers, steps, errors."""
