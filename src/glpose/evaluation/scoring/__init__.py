"""What `glpose score` does, one module for each official metric: files in, a `report.Report` out.

Which file belongs to which is decided here; what is in them is read by `formats`, and the numbers
are made by `metrics`.
"""
