"""From a compiled template and the facts to one shopper's email, SMS or WhatsApp. Pure."""
