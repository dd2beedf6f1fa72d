"""From a domain result down to what made it, within the rules of disclosure: no rater is named or can be worked out."""
