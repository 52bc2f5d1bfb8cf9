import { Argument, type Command } from 'commander';
import { print } from '../output.js';

/** Words that may follow: commands' own subcommands and long options, by the path to the command. */
function wordsBelow(command: Command, path: readonly string[] = []): [string, string[]][] {
  const words = [
    ...command.commands.map((one) => one.name()),
    ...command.options.flatMap((option) => (option.long ? [option.long] : [])),
  ];
  return [[path.join(' '), words], ...command.commands.flatMap((one) => wordsBelow(one, [...path, one.name()]))];
}

/** Completion for the shell: `eval "$(bastide completion bash)"`. The words are those of this very version. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .description('words for the Tab key: eval "$(bastide completion bash)"')
    .action((shell: 'bash' | 'zsh') => {
      const cases = wordsBelow(program).map(([path, words]) => `    "${path}") words="${words.join(' ')}" ;;`);
      print(
        [
          ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
          '_bastide() {',
          '  local path="" word words=""',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own variables
          '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own variables
          '    case "$word" in -*) ;; *) path="${path:+$path }$word" ;; esac',
          '  done',
          '  case "$path" in',
          ...cases,
          '  esac',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's own variables
          '  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))',
          '}',
          'complete -o default -F _bastide bastide',
        ].join('\n'),
      );
    });
}
