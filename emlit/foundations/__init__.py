"The ground floor: arrays, errors, reading and statistics. It knows no model."
