#include "protocols/resp/value.hpp"

#include <iterator>

namespace protocols::inline v0::resp {

const Value* Value::find(std::string_view key) const {
  for (std::size_t i = 0; i + 1 < elements.size(); i += 2) {
    const Value& each = elements[i];
    if ((each.type == Type::bulk || each.type == Type::simple) && each.text == key) {
      return &elements[i + 1];
    }
  }
  return nullptr;
}

std::optional<Value> ValueDecoder::next() {
  for (;;) {
    const bool begins = nodes_.protocol().at_boundary();
    const std::optional<Node> node = nodes_.next();
    if (!node) break;
    if (begins) extent_.offset = nodes_.extent().offset;
    if (!add(*node)) continue;
    extent_.size = nodes_.position() - extent_.offset;
    return std::exchange(done_, {});
  }
  if (nodes_.error()) {  // What arrived of the value will never be complete.
    open_.clear();
    attributes_.clear();
  }
  return std::nullopt;
}

std::vector<Value>& ValueDecoder::attributes_here() {
  return open_.empty() ? attributes_ : open_.back().attributes;
}

// Returns whether the value of depth 0 is complete.
bool ValueDecoder::add(const Node& node) {
  Value value;
  value.type = node.type;
  value.text = node.text;
  value.format = node.format;
  value.integer = node.integer;
  value.real = node.real;
  value.boolean = node.boolean;
  if (node.type != Type::attribute) value.attributes = std::exchange(attributes_here(), {});
  if (node.elements == 0) return node.type != Type::attribute && close(std::move(value));
  open_.push_back({std::move(value), node.elements, {}});
  return false;
}

// Puts a complete value where it belongs; perhaps it completes others.
bool ValueDecoder::close(Value value) {
  while (!open_.empty()) {
    Open& parent = open_.back();
    parent.value.elements.push_back(std::move(value));
    if (--parent.missing > 0) return false;
    value = std::move(open_.back().value);
    open_.pop_back();
    if (value.type != Type::attribute) continue;
    std::vector<Value>& attributes = attributes_here();
    attributes.insert(attributes.end(), std::make_move_iterator(value.elements.begin()),
                      std::make_move_iterator(value.elements.end()));
    return false;
  }
  done_ = std::move(value);
  return true;
}

}  // namespace protocols::resp
