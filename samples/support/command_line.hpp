// The command line of a sample program. CLI11, which takes seconds to compile, is behind it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace samples {

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);

/// What an option writes its value to.
template <class T>
concept OptionTarget =
    OneOf<T, std::string, std::vector<std::string>, int, std::size_t, double,
          std::optional<unsigned>, std::optional<std::uint64_t>, std::optional<double>>;

/// The options and arguments that a program takes, each with the variable that receives its value.
///
///     std::string endpoint;
///     double timeout_seconds = 5;
///     samples::CommandLine command_line("Sends a line to a server.");
///     command_line.add_option("endpoint", endpoint, "HOST:PORT").required();
///     command_line.add_option("--timeout", timeout_seconds, "Seconds to wait").within(0.001, 1e6);
///
/// --help shows the value that the variable has before parsing as the default.
///
/// Lifetime  a variable must outlive parse()
class CommandLine {
 public:
  /// One option, argument or flag: a small value, valid as long as its CommandLine. The functions
  /// that restrict it return it again, so that they can be chained. The first restriction that a
  /// value breaks is reported.
  class Option {
   public:
    Option required();

    /// Accepts numbers from `low` to `high`; --help shows both.
    template <OneOf<int, unsigned, std::uint64_t, double> T>
    Option within(T low, T high);
    Option positive();
    Option not_negative();

    Option one_of(const std::vector<std::string>& values);

    /// `find_error` returns what is wrong with a value, or an empty text.
    Option check(const std::function<std::string(const std::string&)>& find_error);

    /// Neither may be given with the other.
    Option excludes(Option other);

    /// May only be given with `other`.
    Option needs(Option other);

    /// A list takes one value each time that the option is given; otherwise it takes all values up
    /// to the next option.
    Option one_value_each();

    /// What --help shows in the place of the value.
    Option type_name(const std::string& name);

    /// Whether the parsed command line had it.
    [[nodiscard]] bool is_given() const;

    bool operator==(const Option&) const = default;

   private:
    friend class CommandLine;
    explicit Option(CLI::Option* option) : option_(option) {}

    CLI::Option* option_;
  };

  /// Shows `description` at the top of --help.
  explicit CommandLine(const std::string& description);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Text at the end of --help.
  void footer(const std::string& text);

  /// `names` are `--name`, or `-n,--name`, or `name` for a positional argument.
  template <OptionTarget T>
  Option add_option(const std::string& names, T& target, const std::string& help);

  /// Calls `add_value` with each value. It returns what is wrong with the value, or an empty text.
  Option add_option(const std::string& names,
                    const std::function<std::string(const std::string&)>& add_value,
                    const std::string& help);

  Option add_flag(const std::string& names, bool& target, const std::string& help);

  /// `names` are `--name,!--no-name`. The target stays empty when neither is given.
  Option add_flag(const std::string& names, std::optional<bool>& target, const std::string& help);

  /// The first word that belongs to no option or argument, and all words behind it, go to `target`.
  /// A `--` before them is left out.
  void add_rest(std::vector<std::string>& target);

  /// `find_error` is called after all variables have their values. It returns what is wrong with
  /// them, or an empty text.
  void check(const std::function<std::string()>& find_error);

  /// Parses the words of main(), after adding --version. Returns the exit code when the program
  /// must end: 0 after --help and --version, 2 after a wrong command line. The reason is printed.
  [[nodiscard]] std::optional<int> parse(int count, char** words);

 private:
  std::unique_ptr<CLI::App> app_;
  std::vector<std::string>* rest_ = nullptr;
};

}  // namespace samples
