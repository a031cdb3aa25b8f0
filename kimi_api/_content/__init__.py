"""Content of messages beside text, images and videos: documents, and what the platform has no part for. Pure."""
