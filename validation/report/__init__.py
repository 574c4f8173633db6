"""What is shown of a summary: tables, figures, one HTML page, JUnit XML.

It is the top of validation: it may import all other rooms, and none imports it.
"""
