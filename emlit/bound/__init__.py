"Moved to emlit.inference."
from emlit.inference.bound import elbo, entropy, kl, q_function
