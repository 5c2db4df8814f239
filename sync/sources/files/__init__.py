"""Files and buckets as a source: CSV, JSON lines, Parquet in a folder, on S3, in Google's, on the web.

What was read is known by name, size and etag, and held against the listing of each pass; that is `listing`.
Where the objects are is `store`, what is in them `layout`, their rows `text` and `parquet`.
"""
