"""Taking the page elsewhere: a Hugging Face Space, a container."""
