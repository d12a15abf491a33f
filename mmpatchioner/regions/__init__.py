"""Regions of an image as rows of weights over its patch grid."""
