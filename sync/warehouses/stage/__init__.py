"""The object store through which rows go to a warehouse that loads files: `SOFTCART_STAGE`.

`store.py` says where files lie and for how long, `formats.py` how rows become one, `upload.py` writes those
of one attempt, `manifest.py` says which these are.
"""
