"""Pydantic models that refer to themselves."""

from pydantic import BaseModel


class Node(BaseModel):
    """A node."""

    value: int
    children: list["Node"] = []


class Tree(BaseModel):
    children: list["Tree"]
