// What earlier frames taught about UDP flows: which tunnel protocol an endpoint pair speaks.
#pragma once

namespace natlens::decode {

class FlowMemory {};

}  // namespace natlens::decode
