"""Settings of models, loaders, readers and clients: names (ours and other classes'), values, the client they make."""
