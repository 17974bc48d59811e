"""ARC version 1 and 2 records, read as the WARC response records that they would be today."""

from __future__ import annotations

import re

from spark_jobs.web.heads import Format, Head, block_length

# URL, IP address, date, content type, in version 2 more fields, length. Some writers left spaces in URLs.
_LINE = re.compile(
    rb"(?m)^([A-Za-z][A-Za-z0-9+.-]{1,20}:[^\n]{1,8192}?) ([0-9a-fA-F.:]{3,45}|-) ([0-9]{8,18})"
    rb" ([^ \r\n]{1,256})(?: [^ \r\n]{1,256}){0,6} ([^ \r\n]{1,19})\r?\n"
)
_FILE = b"filedesc://"


def _arc_head(data: bytes) -> Head | None:
    line = _LINE.match(data)
    if line is None:
        return None
    url, address, date, mime, length = (part.decode("latin-1") for part in line.groups())
    headers = {
        "warc-type": "filedesc" if url.startswith(_FILE.decode()) else "response",
        "warc-target-uri": url, "warc-ip-address": address, "content-length": length,
        "content-type": "application/http; msgtype=response", "warc-identified-payload-type": mime,
    }  # fmt: skip
    if len(date) >= 14:
        headers["warc-date"] = f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:14]}Z"
    return Head(line.end(), headers, block_length(length))


ARC = Format("arc", _LINE, re.compile(rb"\n"), _arc_head)
"""Its first record, `filedesc`, describes the file."""
