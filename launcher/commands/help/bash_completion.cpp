// The script that completes command lines in bash: tables, made from those of the program, and what reads
// them.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/commands/help/flag_words.h"
#include "launcher/commands/help/help.h"
#include "launcher/run/version.h"

namespace lockstep {

namespace {

// What a value may be, in the script's tables: words to choose from, and among them these.
constexpr std::string_view kNothing = "@none";  // the flag is a switch
constexpr std::string_view kFile = "@file";
constexpr std::string_view kFolder = "@dir";
constexpr std::string_view kConfiguration = "@config";  // an .ini
constexpr std::string_view kKey = "@key";
constexpr std::string_view kKeyAndValue = "@key=";
constexpr std::string_view kSeveral = "@list";  // several by comma

constexpr std::string_view kReader = R"script(
# The words of $1 that begin with what is being typed.
_lockstep_words() {
    local reply
    mapfile -t reply < <(compgen -W "$1" -- "$cur")
    COMPREPLY+=("${reply[@]}")
}

# Names of files or folders, as compgen's words $@ have it.
_lockstep_names() {
    local reply
    mapfile -t reply < <(compgen "$@" -- "$cur")
    COMPREPLY+=("${reply[@]}")
    compopt -o filenames 2>/dev/null
}

# What the table says of a value: words, and kinds of values.
_lockstep_value() {
    local kind words='' prefix=''
    if [[ " $1 " == *" @list "* ]]; then prefix=${cur%"${cur##*,}"}; fi
    for kind in $1; do
        case $kind in
        @file) _lockstep_names -f ;;
        @dir) _lockstep_names -d ;;
        @config)
            _lockstep_names -f -X '!*.ini'
            _lockstep_names -d
            ;;
        @key) words+=" $_lockstep_keys" ;;
        @key=)
            words+=" ${_lockstep_keys// /= }="
            compopt -o nospace 2>/dev/null
            ;;
        @*) ;;
        *) words+=" $prefix$kind" ;;
        esac
    done
    _lockstep_words "$words"
}

# What $1 takes, a flag of the subcommand or a key.
_lockstep_takes() {
    takes=${_lockstep_values["$subcommand $1"]-${_lockstep_values[$1]-@text}}
}

_lockstep() {
    local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} subcommand=${COMP_WORDS[1]}
    local flag='' takes='' i position=0 places
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _lockstep_words "${!_lockstep_flags[*]} --help --help-all --version"
        return
    fi
    [[ -n $subcommand && -n ${_lockstep_flags[$subcommand]-} ]] || return 0
    # A word is cut at =, so that --flag=value are three.
    if [[ $cur == = ]]; then
        flag=$before
        cur=''
    elif [[ $before == = ]]; then
        flag=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $before == --* ]]; then
        flag=$before
    fi
    if [[ -n $flag ]]; then
        if [[ $flag != --* ]]; then
            _lockstep_takes "--$flag"
            takes+=' @list'
        else
            _lockstep_takes "$flag"
        fi
        if [[ $takes != @none ]]; then
            _lockstep_value "$takes"
            return
        fi
    fi
    if [[ $cur == -* ]]; then
        local keys=''
        if [[ -n ${_lockstep_takes_keys[$subcommand]-} ]]; then keys="--${_lockstep_keys// / --}"; fi
        if [[ $cur == --*.* ]]; then
            _lockstep_words "$keys"
            return
        fi
        # Sections first, and the keys of one where no other begins so.
        _lockstep_words "${_lockstep_flags[$subcommand]}${keys:+ $_lockstep_sections}"
        if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *. ]]; then
            cur=${COMPREPLY[0]}
            COMPREPLY=()
            _lockstep_words "$keys"
        fi
        return
    fi
    for ((i = 2; i < COMP_CWORD; ++i)); do
        if [[ ${COMP_WORDS[i]} != --* ]]; then
            ((++position))
        elif [[ ${COMP_WORDS[i + 1]} == = ]]; then
            ((i += 2))
        else
            _lockstep_takes "${COMP_WORDS[i]}"
            [[ $takes == @none ]] || ((++i))
        fi
    done
    IFS=/ read -r -a places <<<"${_lockstep_arguments[$subcommand]-}"
    ((${#places[@]} > 0)) || return 0
    if ((position >= ${#places[@]})); then
        [[ ${places[-1]} == *@more* ]] || return 0
        position=$((${#places[@]} - 1))
    fi
    _lockstep_value "${places[position]}"
}

complete -F _lockstep lockstep
)script";

/// What stands for the value that a name in capitals, as RUN_DIR, asks for; "" where it cannot be listed.
std::string_view kind_of(std::string_view name) {
    if (name == "CONFIG") return kConfiguration;
    if (name == "KEY") return kKey;
    if (name.starts_with("KEY=")) return kKeyAndValue;
    if (name.ends_with("DIR")) return kFolder;
    if (name == "FILE" || name == "MODEL" || name == "PATH" || name == "A" || name == "B") return kFile;
    return "";
}

/// What may stand where the help says `value`, as "data|program|KEY".
std::string values_of(std::string_view value) {
    std::string text;
    std::string bare(value);
    std::erase_if(bare, [](char c) { return c == '[' || c == ']'; });
    const std::size_t more = bare.find("…");
    if (more != std::string::npos) bare.erase(more);
    const auto add = [&](std::string_view word) {
        text += fmt::format("{}{}", text.empty() ? "" : " ", word);
    };
    std::istringstream words(bare);
    for (std::string word; std::getline(words, word, '|');) {
        const std::string_view kind = kind_of(word);
        if (!kind.empty()) {
            add(kind);
        } else if (!listed_values(word).empty()) {
            add(word);
        }
    }
    if (more != std::string::npos && !text.empty()) add("@more");
    return text;
}

std::string values_of(const OptionSpec& spec) {
    if (spec.path) return std::string(spec.key.ends_with("dir") ? kFolder : kFile);
    return fmt::format("{}", fmt::join(listed_values(spec), " "));
}

std::string values_of(const OwnFlag& flag) {
    if (flag.value.empty()) return std::string(kNothing);
    const OptionSpec* key = flag.like_key.empty() ? nullptr : find_option(flag.like_key);
    if (key == nullptr) return values_of(flag.value);
    const bool is_list = flag.value.find(',') != std::string_view::npos;
    return is_list ? fmt::format("{} {}", values_of(*key), kSeveral) : values_of(*key);
}

/// The values of the arguments, place by place.
std::string places_of(const Subcommand& subcommand) {
    std::istringstream words{std::string(subcommand.arguments)};
    std::string places;
    for (std::string word; words >> word;)
        places += fmt::format("{}{}", places.empty() ? "" : "/", values_of(word));
    return places;
}

/// A row of a table of the script: [name]='value'.
std::string row(std::string_view name, std::string_view value) {
    return value.empty() ? "" : fmt::format("    ['{}']='{}'\n", name, value);
}

}  // namespace

std::string bash_completion() {
    std::string flags;
    std::string arguments;
    std::string takers;
    std::string values;
    for (const Subcommand& subcommand : subcommands()) {
        std::string names;
        for (const OwnFlag& flag : subcommand.flags) {
            names += fmt::format("--{} ", flag.name);
            values += row(fmt::format("{} --{}", subcommand.name, flag.name), values_of(flag));
        }
        flags += row(subcommand.name, names + (takes_keys(subcommand) ? "--help --help-all" : "--help"));
        arguments += row(subcommand.name, places_of(subcommand));
        if (takes_keys(subcommand)) takers += row(subcommand.name, "yes");
    }
    std::vector<std::string_view> keys;
    std::vector<std::string> sections;
    for (const OptionSpec& spec : option_table()) {
        keys.push_back(spec.key);
        values += row(fmt::format("--{}", spec.key), values_of(spec));
        std::string section = fmt::format("--{}.", section_of(spec));
        if (sections.empty() || sections.back() != section) sections.push_back(std::move(section));
    }
    for (const std::string_view flag : {"--help", "--help-all"}) values += row(flag, kNothing);
    return fmt::format(
        "# bash completion for lockstep {}, printed by `lockstep --bash-completion`: to be sourced, or to "
        "lie "
        "in\n# share/bash-completion/completions under the name lockstep.\n\n"
        "_lockstep_keys='{}'\n_lockstep_sections='{}'\n\n# Flags of the subcommands' own.\n"
        "declare -gA _lockstep_flags=(\n{})\n\n# Subcommands whose flags are all keys as well.\n"
        "declare -gA _lockstep_takes_keys=(\n{})\n\n# What the arguments are, place by place.\n"
        "declare -gA _lockstep_arguments=(\n{})\n\n# What the values of flags and keys are.\n"
        "declare -gA _lockstep_values=(\n{})\n{}",
        kVersion, fmt::join(keys, " "), fmt::join(sections, " "), flags, takers, arguments, values, kReader);
}

}  // namespace lockstep
