"""The page of websocket_chat in headless Chromium, and other members of its room."""

import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent),
                str(Path(__file__).resolve().parents[2] / "samples")]
from http_responder_browser_test import CHROMIUM, Browser  # noqa: E402
from programs import Server  # noqa: E402
from websocket_chat_test import Raw  # noqa: E402

LINES = "Array.from(document.querySelectorAll('#lines li'), (line) => line.textContent)"

# Resolved when the page shows a line, or a state, that contains the text.
SHOWN = """new Promise((shown) => {
  const look = () => document.getElementById("%s").textContent.includes("%s") && shown(true);
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
  look();
})"""


class Page:
    def __init__(self, browser, server, room, name):
        self.browser = browser
        browser.open(f"http://{server.endpoint}/")
        browser.value_of(f"room.value = '{room}'; name.value = ''; document.getElementById('name')"
                         f".value = '{name}'; document.getElementById('enter').requestSubmit()")

    def say(self, text):
        self.browser.value_of(f"document.getElementById('text').value = '{text}'; "
                              "document.getElementById('say').requestSubmit()")

    def wait_for(self, text, place="lines"):
        self.browser.value_of(SHOWN % (place, text))

    def lines(self):
        return self.browser.value_of(LINES)


@unittest.skipUnless(CHROMIUM, "there is no chromium")
class Chromium(unittest.TestCase):
    def test_the_members_of_a_room_see_each_other_and_no_one_else(self):
        with Server("websocket_chat") as server, Browser() as browser:
            ann = Page(browser, server, "blue", "ann")
            ann.wait_for("here: ann")
            with Raw(server, "/rooms/blue?name=bob") as bob, \
                    Raw(server, "/rooms/red?name=ann") as other:
                ann.wait_for("bob joined")
                bob.send(1, "hello <b>ann</b> ä".encode())
                ann.wait_for("bob: hello")
                ann.say("hello bob")
                bob.until(b"ann: hello bob")
                ann.wait_for("ann: hello bob")
                self.assertEqual(ann.lines(), ["* ann joined", "* here: ann", "* bob joined",
                                               "bob: hello <b>ann</b> ä", "ann: hello bob"])
                other.send(1, b"alone")
                self.assertEqual([other.receive()[1] for _ in range(3)],
                                 [b"* ann joined", b"* here: ann", b"ann: alone"])
            ann.wait_for("bob left")
            with Raw(server, "/rooms/blue?name=eve") as eve:
                eve.until(b"here")
                again = Page(browser, server, "blue", "eve")
                again.wait_for("this name is taken", "state")
                self.assertEqual(eve.receive()[1], b"* ann left")
            self.assertEqual(browser.complaints, [])


if __name__ == "__main__":
    unittest.main()
