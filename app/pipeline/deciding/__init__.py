"""From what was heard to what will be told: fold → cross → decide → plan, in one transaction under the order's lock."""
