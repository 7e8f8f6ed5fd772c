"""Feature spaces: in what terms real and generated samples are compared."""
