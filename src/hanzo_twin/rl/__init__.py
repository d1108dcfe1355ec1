"""Reinforcement learning on a twin: Gymnasium environments, one world or many, and the tasks to be learned in them."""
