"""The words of the command `weightfit`, each of which imports what it needs when it is said."""
