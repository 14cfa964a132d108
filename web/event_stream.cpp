#include "web/event_stream.hpp"

#include <string>
#include <vector>

namespace web::inline v0 {

using protocols::http::Field;
using reactor::WriteStatus;

namespace {

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

}  // namespace

EventStream::EventStream(Response response, FieldList fields) : response_(std::move(response)) {
  std::vector<Field> all(fields.begin(), fields.end());
  all.push_back({"Content-Type", "text/event-stream"});
  all.push_back({"Cache-Control", "no-store"});
  response_.on_finish([] {});
  response_.end_on_finish();
  response_.begin(200, all);
}

WriteStatus EventStream::send(const ServerEvent& event) {
  if (!is_one_line(event.event) || !is_one_line(event.id)) return WriteStatus::refused;
  std::string text;
  if (!event.event.empty()) text.append("event: ").append(event.event).append("\n");
  if (!event.id.empty()) text.append("id: ").append(event.id).append("\n");
  // CR, LF and CR LF end a line for the client; each line of the data has its own field.
  for (std::string_view data = event.data; !data.empty();) {
    const std::size_t end = data.find_first_of("\r\n");
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.npos) break;
    const bool is_pair = data.substr(end).starts_with("\r\n");
    data.remove_prefix(end + (is_pair ? 2 : 1));
    if (data.empty()) text.append("data: \n");
  }
  return response_.write(text + "\n");
}

WriteStatus EventStream::send_comment() { return response_.write(":\n\n"); }

}  // namespace web
