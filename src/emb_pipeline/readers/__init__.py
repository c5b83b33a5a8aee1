"""From files to rows, texts and documents."""
