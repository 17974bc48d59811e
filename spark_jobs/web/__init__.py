"""Reading a crawl: WARC records, charsets, HTML to text. No Spark."""
