def write_figures(*a): pass
