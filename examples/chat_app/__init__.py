"""A chat in the browser, by Chainlit: `make chat-app`, or README.md of this folder."""
