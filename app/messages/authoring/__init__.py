"""From what people write to what can be filled in: brands, files, Markdown and MJML, compiled once."""
