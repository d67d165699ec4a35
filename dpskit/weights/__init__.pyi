from .registry import list_weights, load_network, read_card, save_network

__all__ = ["list_weights", "load_network", "read_card", "save_network"]
