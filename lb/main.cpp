#include "lb/cli/commands.h"

int main(int argc, char **argv) {
    return weir::run_cli(argc, argv);
}
