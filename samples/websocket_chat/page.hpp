// The page of the chat.
#pragma once

#include <string_view>

namespace websocket_chat {

inline constexpr std::string_view page = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chat</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
  form { display: flex; gap: .5rem; margin: .75rem 0; }
  input { font: inherit; padding: .3rem .5rem; min-width: 0; }
  #text { flex: 1; }
  button { font: inherit; padding: .3rem .9rem; }
  #lines { height: 20rem; overflow-y: auto; border: 1px solid gray; border-radius: .4rem;
    margin: 0; padding: .5rem .75rem; list-style: none; overflow-wrap: anywhere; }
  .server { opacity: .65; }
</style>
</head>
<body>
<h1>Chat</h1>
<form id="enter">
  <input id="room" value="lobby" aria-label="Room" maxlength="32" required>
  <input id="name" placeholder="Name" aria-label="Name" maxlength="32">
  <button>Enter</button>
</form>
<ul id="lines" aria-live="polite"></ul>
<form id="say">
  <input id="text" placeholder="Message" aria-label="Message" maxlength="1000" autocomplete="off">
  <button>Send</button>
</form>
<p id="state">not connected</p>
<script>
  const $ = (id) => document.getElementById(id);
  let socket = null;

  function show(line) {
    const item = document.createElement("li");
    item.textContent = line;
    if (line.startsWith("* ")) item.className = "server";
    $("lines").append(item);
    while ($("lines").childElementCount > 500) $("lines").firstChild.remove();
    $("lines").scrollTop = $("lines").scrollHeight;
  }

  $("enter").onsubmit = (event) => {
    event.preventDefault();
    if (socket) socket.close();
    $("lines").replaceChildren();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const room = encodeURIComponent($("room").value);
    const name = encodeURIComponent($("name").value);
    const mine = new WebSocket(`${scheme}//${location.host}/rooms/${room}?name=${name}`);
    socket = mine;
    mine.onopen = () => { $("state").textContent = "in " + $("room").value; $("text").focus(); };
    mine.onmessage = (message) => { if (socket === mine) show(message.data); };
    mine.onclose = (end) => {
      if (socket === mine) $("state").textContent = "not connected: " + (end.reason || end.code);
    };
  };

  $("say").onsubmit = (event) => {
    event.preventDefault();
    if (socket && socket.readyState === WebSocket.OPEN && $("text").value) {
      socket.send($("text").value);
      $("text").value = "";
    }
  };
</script>
</body>
</html>
)";

}  // namespace websocket_chat
