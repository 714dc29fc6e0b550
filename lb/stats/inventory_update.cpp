#include "lb/stats/inventory_update.h"

#include <utility>

namespace weir {

void update_inventory(Inventory &inventory, const Config &config, const TableState &tables,
                      const std::vector<std::size_t> &places) {
    Config some;
    TableState of_some;
    for (const std::size_t place : places) {
        some.services.push_back(config.services.at(place));
        of_some.services.push_back(tables.services.at(place));
    }
    Inventory now = make_inventory(some, of_some);
    for (std::size_t i = 0; i < places.size(); ++i)
        inventory.services.at(places[i]) = std::move(now.services.at(i));
}

}  // namespace weir
