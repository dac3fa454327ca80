"""Assessors at work: invitations, handing out pairs, votes."""
