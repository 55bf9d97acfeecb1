"""What `glpose score` does, one module per official metric: files in, a `report.Report` out.

These modules pair the files; `formats` reads them and `metrics` computes the numbers.
"""
