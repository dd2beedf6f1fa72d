"""What the services pass to each other (`shared.events`) and the machinery that passes it."""
