"""Answer or refuse: how well a best score tells what can be answered, and from which score on to answer."""
