"""Learning: critics, actor, behaviour cloning, and the policy that comes out. Policies need no torch."""
