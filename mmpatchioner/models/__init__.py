"""Every model of the package, registered by import."""

from mmpatchioner.models import bridges, captioners, decoders, heads, necks, text_encoders, trainers

__all__ = ['bridges', 'captioners', 'decoders', 'heads', 'necks', 'text_encoders', 'trainers']
