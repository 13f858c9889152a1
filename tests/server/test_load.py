"""Many visitors at once: every answer right, none an error."""

from __future__ import annotations

import concurrent.futures
import http.client
import itertools

import httpx
import pytest

from tests.server.conftest import VARIANT

CLIENTS, REQUESTS = 50, 10_000


@pytest.mark.slow
def test_fifty_clients_over_ten_thousand_requests_without_an_error(client: httpx.Client) -> None:
    one = f"/api/reports/{VARIANT}/sequences/pyro-annotator_"
    paths = ["/api/reports", f"/api/reports/{VARIANT}/rows.arrow"]
    for number in (1, 2, 4, 5):
        paths += [f"{one}{number}", f"{one}{number}/strip?size=64", f"{one}{number}/tubes/1/crops/1.jpg?size=64"]
        paths += [f"{one}{number}/frames/{index}.jpg" for index in range(3)]
    expected = {path: client.get(path).content for path in paths}
    port = client.base_url.port

    def visit(start: int) -> list[str]:
        wrong = []
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for path in itertools.islice(itertools.cycle(paths), start, start + REQUESTS // CLIENTS):
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.read() != expected[path] or answer.status != 200:
                wrong.append(f"{answer.status} {path}")
        connection.close()
        return wrong

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        assert list(itertools.chain.from_iterable(pool.map(visit, range(CLIENTS)))) == []
