"""How a failure becomes an error of ours: translated, put into its class, with a hint what to do."""
