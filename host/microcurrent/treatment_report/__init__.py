"""The report of one recorded session: a self-contained HTML page, and the same as a picture.

content.py makes what both show from a record; page.py writes the HTML, picture.py the PNG.
"""
