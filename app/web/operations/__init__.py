"""Operations: Today, the rules, and what is paused."""
